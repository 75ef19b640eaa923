/* Doubly linked lists whose links live inside their members. */
#pragma once

#include <stddef.h>

struct link {
    struct link *next, *previous;
};

#define member_of(link, type, field) ((type *)((char *)(link)-offsetof(type, field)))

static inline void list_init(struct link *list)
{
    list->next = list->previous = list;
}

static inline int list_is_empty(const struct link *list)
{
    return list->next == list;
}

static inline void list_insert_before(struct link *place, struct link *item)
{
    item->next = place;
    item->previous = place->previous;
    place->previous->next = item;
    place->previous = item;
}

static inline void list_append(struct link *list, struct link *item)
{
    list_insert_before(list, item);
}

static inline void list_remove(struct link *item)
{
    item->previous->next = item->next;
    item->next->previous = item->previous;
}
