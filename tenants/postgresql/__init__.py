"""The database engine of the site: django-tenants on PostgreSQL."""
