/** W3C Baggage, "Limits": a platform must carry at least this much, and we carry no more. Bytes over all header lines, joining commas counted. */
export const MAX_HEADER_BYTES = 8192;

/** Own members beyond this are left out, whole experiments at a time, so that half of the header stays for others. */
export const MAX_OWN_BYTES = 4096;

/** Own members beyond this earn an advice: every request of the chain pays for them. */
export const ADVISED_OWN_BYTES = 1024;

/** Experiments that one request carries. W3C Baggage guarantees 64 members; an experiment is two or three. */
export const MAX_EXPERIMENTS = 64;
