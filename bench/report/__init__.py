"""Reports of stored runs. All rounding and formatting of numbers for readers is done in this package."""
