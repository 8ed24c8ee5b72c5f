"""What the chapters share: plumbing, and one tested copy of what the lessons build."""
