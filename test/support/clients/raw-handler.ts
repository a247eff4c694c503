import type { Dispatcher } from "undici";
import type { UndiciMajor } from "./undici-majors.ts";

/** The steps of a handler that is passed directly to `dispatch`, without undici's API. */
interface Steps {
  readonly onEnd: () => void;
  readonly onError: (error: unknown) => void;
}

/** A handler in the form of undici 6, or of 7 and 8. */
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
