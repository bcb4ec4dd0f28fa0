"""What is deleted when: bulky artifacts of old runs, and what interrupted runs left on this machine."""
