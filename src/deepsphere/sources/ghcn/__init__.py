"""GHCN-Daily: daily records of weather stations, published by NOAA."""
