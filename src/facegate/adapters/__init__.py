"""What generators take, made of a face: one file for each generator, imported on its own.

All of this runs in the worker, with numpy alone, and none of it needs the generator's own packages. Every array that is
handed out belongs to the request: purge zeroes it, whoever still holds it.
"""
