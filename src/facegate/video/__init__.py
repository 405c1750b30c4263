"""Video in, video out. Child side only: the worker never imports this package."""
