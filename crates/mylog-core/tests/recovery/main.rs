//! Loading a log again: every cut, every flipped bit, every start-up case, every failing call, every power cut.

#[cfg(test)]
mod cuts;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod flips;
#[cfg(test)]
mod image;
#[cfg(test)]
mod lock;
#[cfg(test)]
mod noise;
#[cfg(test)]
mod starts;
#[cfg(test)]
mod traces;
