/** Lets a rejection that nobody awaits end no process. Whoever awaits it is told as ever. */
export function quiet(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}
