"""The sections of a report's page, one per module. A section is a function from the data of a report to blocks."""
