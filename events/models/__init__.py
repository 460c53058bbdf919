"""What two processes or packages read: events and the custom resources. No I/O here.

What only one kind reads is the ``Config`` at the top of that kind's file (``eventsource/webhooks/github.py``).
"""
