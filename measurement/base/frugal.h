/* Memory of a program that runs on small machines and carries large libraries. */
#ifndef MEASUREMENT_BASE_FRUGAL_H
#define MEASUREMENT_BASE_FRUGAL_H

/* Before a program opens its parts. From then on a large buffer of which little is used takes only what is used, and what is
 * freed goes back to the system at once: TLS and HTTP/2 ask for 16 and 32 KiB where a page has four. */
void frugal_begin(void);

/* Gives back the pages of code and constants that this process has touched so far, of its libraries. What is needed again
 * is mapped again from the page cache, without reading a disk. Call when everything is started: what ran only then is never
 * needed again; and whenever there will be long nothing to do. */
void frugal_started(void);

#endif
