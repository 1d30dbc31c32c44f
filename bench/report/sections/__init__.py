"""The sections of a report's page, one a module: each is a function from the data of a report to blocks."""
