/** W3C Baggage, "Limits": every platform carries this much; we carry no more. Bytes of all lines and joining commas. */
export const MAX_HEADER_BYTES = 8192;

/** Bytes. Own members beyond this are left out, by whole experiments: half of the header is left for foreign members. */
export const MAX_OWN_BYTES = 4096;

/** Bytes. Own members beyond this cause a warning: every request of the chain carries them. */
export const ADVISED_OWN_BYTES = 1024;

/** The most experiments in one request. W3C Baggage guarantees 64 members; an experiment has two or three. */
export const MAX_EXPERIMENTS = 64;
