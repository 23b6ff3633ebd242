/* A queue behind a mutex, and an eventfd that wakes the loop.
 * Owner: the mailbox owns its descriptor; letters belong to whoever receives them.
 * Why: libevent's objects have no locks here; each thread keeps to its own, and asks the others in writing. */
#include "collector/serve/mailbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
    pthread_mutex_t mutex;
    struct mail *first;
    struct mail **end;
    int fd;
    struct loop_watch *watch;
};

static void letters_deliver(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    struct mail *mail = mailbox->first;
    mailbox->first = NULL;
    mailbox->end = &mailbox->first;
    pthread_mutex_unlock(&mailbox->mutex);
    while (mail) {
        struct mail *next = mail->next; /* the receiver may free its letter */
        mail->deliver(mail);
        mail = next;
    }
}

static void on_wake(int fd, bool readable, bool writable, void *arg)
{
    uint64_t count;
    (void)readable;
    (void)writable;
    if (read(fd, &count, sizeof count) == (ssize_t)sizeof count) {
        letters_deliver(arg);
    }
}

enum status mailbox_open(struct loop *loop, struct mailbox **out)
{
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);
    if (!mailbox) {
        return STATUS_NO_MEMORY;
    }
    pthread_mutex_init(&mailbox->mutex, NULL);
    mailbox->end = &mailbox->first;
    mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum status status = mailbox->fd >= 0 ? STATUS_OK : STATUS_IO;
    if (status == STATUS_OK) {
        status = loop_watch(loop, mailbox->fd, true, false, on_wake, mailbox, &mailbox->watch);
    }
    if (status == STATUS_OK) {
        *out = mailbox;
    } else {
        mailbox_free(mailbox);
    }
    return status;
}

void mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
    static const uint64_t one = 1;
    mail->next = NULL;
    pthread_mutex_lock(&mailbox->mutex);
    bool was_empty = mailbox->first == NULL;
    *mailbox->end = mail;
    mailbox->end = &mail->next;
    pthread_mutex_unlock(&mailbox->mutex);
    /* A counter that is full has woken the loop already. */
    if (was_empty && write(mailbox->fd, &one, sizeof one) < 0) {
        return;
    }
}

void mailbox_free(struct mailbox *mailbox)
{
    if (!mailbox) {
        return;
    }
    loop_watch_free(mailbox->watch);
    letters_deliver(mailbox);
    if (mailbox->fd >= 0) {
        close(mailbox->fd);
    }
    pthread_mutex_destroy(&mailbox->mutex);
    free(mailbox);
}
