// What the pages' scripts find in the browser besides the browser itself.
declare const Plotly: any;
