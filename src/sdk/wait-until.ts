export interface Wait {
  readonly condition: () => boolean;
  /** Calls back when the condition may have come true; hands back what ends that. */
  readonly onChange: (listener: () => void) => () => void;
  readonly timeoutMillis: number;
}

/** Whether the condition came true in time. Rejects with the signal's reason. */
export function waitUntil({ condition, onChange, timeoutMillis }: Wait, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const release = (): void => {
      unsubscribe();
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    const settle = (met: boolean): void => {
      release();
      resolve(met);
    };
    const abort = (): void => {
      release();
      reject(signal?.reason);
    };
    const unsubscribe = onChange(() => condition() && settle(true));
    const timer = setTimeout(() => settle(condition()), timeoutMillis);
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    else if (condition()) settle(true);
  });
}
