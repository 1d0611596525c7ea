/* Preloaded into the machine's processes: the time of day plus the milliseconds that a file of eight bytes holds.
   The monotonic clock is left alone, as it is where a machine's time of day is set. libfaketime 0.9.10 makes
   time.sleep() of Python fail (clock_nanosleep with an absolute time), so that these few lines stand in its place. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long long *moved_by;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("SOAK_MOVED_BY");
    real = dlsym(RTLD_NEXT, "clock_gettime");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *seen = mmap(0, sizeof *moved_by, PROT_READ, MAP_SHARED, file, 0);
    if (seen != MAP_FAILED) moved_by = seen;
    close(file);
}

int clock_gettime(clockid_t which, struct timespec *at) {
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(which, at);
    if (done == 0 && moved_by && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        long long whole = at->tv_sec * 1000000000LL + at->tv_nsec + *moved_by * 1000000LL;
        at->tv_sec = whole / 1000000000LL;
        at->tv_nsec = whole % 1000000000LL;
    }
    return done;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    struct timespec exact;
    int done = clock_gettime(CLOCK_REALTIME, &exact);
    at->tv_sec = exact.tv_sec;
    at->tv_usec = exact.tv_nsec / 1000;
    return done;
}

time_t time(time_t *at) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (at) *at = exact.tv_sec;
    return exact.tv_sec;
}
