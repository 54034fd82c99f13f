"""The connectors that come with the site. Each is a folder that imports the contract and the toolkit only."""
