//! internment: the last `ArcIntern` of a value frees it under the table's lock; a value that holds another one takes that
//! lock again.

use internment::ArcIntern;

#[derive(PartialEq, Eq, Hash)]
enum Number {
    Zero,
    After(ArcIntern<Number>),
}

fn main() {
    let one = ArcIntern::new(Number::After(ArcIntern::new(Number::Zero)));
    if let Number::After(zero) = &*one {
        assert!(**zero == Number::Zero);
    }
    println!("dropping");
    drop(one);
    println!("done");
}
