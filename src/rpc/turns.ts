/** Work that has come at once is done a few pieces a turn, so that accepting, answering and timers have theirs. */
export class Turns {
  readonly #piecesPerTurn: number;
  #waiting: (() => void)[] = [];
  #scheduled = false;

  constructor(piecesPerTurn: number) {
    this.#piecesPerTurn = piecesPerTurn;
  }

  push(piece: () => void): void {
    this.#waiting.push(piece);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    const pieces = this.#waiting.slice(0, this.#piecesPerTurn);
    this.#waiting = this.#waiting.slice(this.#piecesPerTurn);
    if (this.#waiting.length > 0) this.#schedule();
    for (const piece of pieces) piece();
  }
}
