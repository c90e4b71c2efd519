"""OAuth and OpenID Connect: providers, tokens, PKCE, and the loopback page of a sign-in."""
