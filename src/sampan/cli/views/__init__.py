"""Listings: plain facts about objects to the rows of docker's tables. Pure."""
