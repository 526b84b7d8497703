"""The light screen: an app's base that sends the terminal only the cells that changed."""

from workbench.ui.light.screen import LightScreen, in_ssh_session

__all__ = ["LightScreen", "in_ssh_session"]
