"""The HTML report: `report`."""
