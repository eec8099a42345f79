"""Stages and steps while a build goes on."""
