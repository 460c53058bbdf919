"""The event endpoint of Argo Workflows: ``POST /api/v1/events/{namespace}/{discriminator}`` (bindings spec §1 and §2)."""
