//! What is told of a list that is followed over SharePoint: the same as over Graph.

mod cursor;
mod same;
mod switch;
mod told;
