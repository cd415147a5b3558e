"""Everything between the code and a market that runs: image, gateway, manifests, and how they are tried."""
