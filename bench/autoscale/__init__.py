"""The Horizontal Pod Autoscaler's own rule, applied to the cluster on this machine."""
