"""ClimateNet: states of the atmosphere with events that experts outlined."""
