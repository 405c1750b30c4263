"""The system call filter of zygote and child: numbers, rules, the program made of them, its installation."""
