"""Fuzz targets for Atheris; they run apart from pytest."""
