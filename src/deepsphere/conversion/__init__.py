"""From users' own files of fields to samplings: NetCDF, zarr and whatever else xarray reads."""
