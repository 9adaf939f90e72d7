"""A run and its folder; many runs: experiments and sweeps."""
