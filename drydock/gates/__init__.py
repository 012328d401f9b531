"""Gates: each measures an image and returns a Verdict; none of them prints."""
