"""The terminal and where commands act: console, options, errors, target, processes."""
