"""How often anyone may ask: token *buckets* by address and by name, and a *throttle* of guesses."""
