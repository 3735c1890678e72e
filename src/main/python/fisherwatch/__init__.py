"""The training side of Fisherwatch: attaches a PyTorch job to the agent, and reads its figures back."""
