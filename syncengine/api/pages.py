"""Lists that may be long: paged by key, at most 200 to a page, never counted."""

from rest_framework.pagination import CursorPagination


class Newest(CursorPagination):
    """The newest first."""

    ordering = "-pk"
    page_size_query_param = "page_size"
    max_page_size = 200


class Oldest(Newest):
    ordering = "pk"
