#include "kernel.h"

void message_start(struct message *m)
{
    m->size = 0;
    message_text(m, "axonum kernel: ");
}

static void append(struct message *m, char c)
{
    if (m->size < sizeof m->text)
        m->text[m->size++] = c;
}

void message_text(struct message *m, const char *text)
{
    while (*text)
        append(m, *text++);
}

void message_hex(struct message *m, u32 value)
{
    message_text(m, "0x");
    for (s32 shift = 28; shift >= 0; shift -= 4)
        append(m, "0123456789abcdef"[value >> shift & 15]);
}

void message_number(struct message *m, u32 value)
{
    u32 divisor = 1;
    while (value / divisor >= 10)
        divisor *= 10;
    for (; divisor > 0; divisor /= 10)
        append(m, '0' + value / divisor % 10);
}

void message_send(struct message *m)
{
    append(m, '\n');
    vm_write(CHANNEL_ERROR, m->text, m->size);
}
