import type { Dispatcher } from "undici";
import type { UndiciMajor } from "./undici-majors.ts";

/** What is of interest in a handler that is given to `dispatch` itself, without undici's API around it. */
interface Steps {
  readonly onEnd: () => void;
  readonly onError: (error: unknown) => void;
}

/** A handler in the form of undici 6, or in that of 7 and 8. */
export function rawHandler({ major }: UndiciMajor, { onEnd, onError }: Steps): Dispatcher.DispatchHandler {
  const nothing = (): void => undefined;
  if (major === 6) {
    const handler = { onConnect: nothing, onHeaders: () => true, onData: () => true, onComplete: onEnd, onError };
    // why: the types are those of undici 8
    return handler as Dispatcher.DispatchHandler;
  }
  return {
    onRequestStart: nothing,
    onResponseStart: nothing,
    onResponseData: nothing,
    onResponseEnd: onEnd,
    onResponseError: (_controller, error) => onError(error),
  };
}
