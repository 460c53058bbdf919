"""Steps 1–4: receive a delivery, verify it, convert it to events, publish them durably before it is answered."""
