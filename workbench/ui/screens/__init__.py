"""What opens over the panes: questions, help, code."""
