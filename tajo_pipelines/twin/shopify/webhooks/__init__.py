"""The shop's webhooks: subscriptions, what is told of a change, bodies, and deliveries with their retries."""
