import { faultCode } from '#kernel';

const FIRST_MILLIS = 50;
const LAST_MILLIS = 2000;

/** Follows a stream for ever: opens it again after it broke, with growing pauses. `onError` sees why. */
export async function follow<T>(
  open: () => AsyncIterable<T>,
  onMessage: (message: T) => void,
  onError: (error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  let pause = FIRST_MILLIS;
  while (!signal.aborted) {
    try {
      for await (const message of open()) {
        pause = FIRST_MILLIS;
        onMessage(message);
      }
    } catch (error) {
      onError(error);
      // Workload Endpoint §5: a client without the header would never succeed.
      if (faultCode(error) === 'IDENTITY_HEADER_MISSING') return;
    }
    await sleep(pause, signal);
    pause = Math.min(pause * 2, LAST_MILLIS);
  }
}

function sleep(millis: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, millis);
    signal.addEventListener('abort', done, { once: true });
  });
}
