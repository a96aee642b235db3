// What the pages' scripts find beside the browser's own names.

/** The bundle of Plotly that a page carries or loads. */
declare const Plotly: {
  react(box: Element, traces: object[], layout: object, config?: object): Promise<void>;
  toImage(figure: { data: object[]; layout: object }, options: object): Promise<string>;
};

interface Uint8ArrayConstructor {
  /** Of newer browsers only. */
  fromBase64?(text: string): Uint8Array<ArrayBuffer>;
}
