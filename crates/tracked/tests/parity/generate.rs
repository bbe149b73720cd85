//! Turns rows into Rust that compiles only where they are true.
//!
//! | row | becomes |
//! |---|---|
//! | a method, a function | a function with exactly its signature that calls it; `const` where it is |
//! | a trait impl, an auto trait | a generic function that needs it, under the row's own bounds |
//! | ... with a bound on a parameter | a proof that a type without what the bound asks for does not have it |
//! | a negative impl | a proof that a type does not have it |
//! | `Drop` | a proof that dropping a value does something (where, is nobody's business) |
//! | a type alias | a function from the one type to the other |
//! | a struct | nothing: all its other rows name it |

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{
    FnArg, GenericParam, Generics, Ident, ItemFn, ItemImpl, ItemStruct, Lifetime, Pat, Signature, Type,
    TypeParamBound, parse_quote, parse_str,
};

use super::rows::Row;

/// What a row asks for that cannot be seen from stable Rust, with the reason.
const UNSEEN: &[(&str, &str)] = &[
    ("Freeze", "no trait of that name can be written"),
    ("!Freeze", "no trait of that name can be written"),
    ("StructuralPartialEq", "seen only in patterns of constants, of which these types have none"),
    ("AsHandle", "on Windows only"),
    ("AsRawHandle", "on Windows only"),
    ("IntoRawHandle", "on Windows only"),
];

/// Bounds that the list leaves out because they stand at the `impl` block: type, method, bound.
const AT_THE_IMPL: &[(&str, &str, &str)] = &[
    ("LazyLock", "new", "F: FnOnce() -> T"),
    ("LazyLock", "force", "F: FnOnce() -> T"),
    ("LazyLock", "force_mut", "F: FnOnce() -> T"),
];

/// Why a row brings nothing.
pub enum Silent {
    /// It cannot be seen.
    Unseen,
    /// It only declares what other rows use.
    Declaration,
}

/// The declarations of the types, by name, to know their parameters.
pub struct Types(Vec<(String, Generics)>);

impl Types {
    pub fn of(rows: &[Row]) -> Types {
        let declared = rows.iter().filter(|row| row.item == "(decl)").filter_map(|row| {
            let text = row.signature.replace("/* private fields */", "");
            let generics = match parse_str::<ItemStruct>(&text) {
                Ok(item) => item.generics,
                Err(_) => match parse_str::<syn::ItemEnum>(&text) {
                    Ok(item) => item.generics,
                    Err(_) => parse_str::<syn::ItemType>(&text).ok()?.generics,
                },
            };
            Some((row.path.clone(), generics))
        });
        Types(declared.collect())
    }

    fn generics(&self, row: &Row) -> Generics {
        let found = self.0.iter().find(|(path, _)| *path == row.path);
        found.unwrap_or_else(|| panic!("{row}: the type is not declared")).1.clone()
    }
}

/// The Rust that `row` becomes.
pub fn code(row: &Row, types: &Types) -> Result<TokenStream, Silent> {
    if UNSEEN.iter().any(|(item, _)| *item == row.item) || row.signature.ends_with("for OwnedHandle") {
        return Err(Silent::Unseen);
    }
    match row.kind.as_str() {
        "struct" | "enum" => Err(Silent::Declaration),
        "type alias" => Ok(alias(row)),
        "method" => Ok(call(row, Some(types.generics(row)))),
        "fn" => Ok(call(row, None)),
        "trait impl" | "auto trait" => Ok(implemented(row)),
        other => panic!("{row}: nobody knows what a {other} is"),
    }
}

/// A function with the row's signature that calls the item; of a type with these parameters, if it is a method.
fn call(row: &Row, of: Option<Generics>) -> TokenStream {
    let signature = qualified_results(row);
    let text = format!("{} {{}}", signature.trim_end_matches(',').trim_end());
    let ItemFn { mut sig, .. } =
        parse_str(&text).unwrap_or_else(|error| panic!("{row}: {error}: {}", row.signature));
    let item = sig.ident.clone();
    let (callee, what) = match of {
        None => {
            let module = if row.path == "parking_lot" { "pl" } else { row.type_name() };
            let module = format_ident!("{module}");
            (quote!(#module::#item), module)
        }
        Some(generics) => {
            let name = format_ident!("{}", row.type_name());
            let (_, arguments, _) = generics.split_for_impl();
            let of: Type = parse_quote!(#name #arguments);
            adopt(&mut sig, generics, row);
            replace_self(&mut sig, &of);
            (quote!(<#of>::#item), name)
        }
    };
    sig.ident = format_ident!("call_{}_{}_{}", what.to_string().to_lowercase(), item, row.line.to_string());
    let arguments: Vec<Ident> = sig.inputs.iter().map(argument).collect();
    let body = quote!(#callee(#(#arguments),*));
    let body = if sig.unsafety.is_some() { quote!(unsafe { #body }) } else { body };
    // Announced, for a version to come.
    let is_so_already = row.deprecated && row.item != "fetch_update";
    let deprecated =
        is_so_already.then(|| quote!(#[expect(deprecated, reason = "it must be there all the same")]));
    quote! {
        #deprecated
        #sig { #body }
    }
}

/// A function that compiles only if both sides are one type. What stands for something of lock_api says so here.
fn alias(row: &Row) -> TokenStream {
    let text = row.signature.trim_end_matches(';');
    let item: syn::ItemType = parse_str(&format!("{text};")).unwrap_or_else(|error| panic!("{row}: {error}"));
    let (name, of) = (&item.ident, &item.ty);
    let (parameters, arguments, _) = item.generics.split_for_impl();
    let function = format_ident!("alias_{}_{}", name.to_string().to_lowercase(), row.line.to_string());
    let of = if of.to_token_stream().to_string().starts_with("Raw") {
        quote!(#of)
    } else {
        quote!(pl::lock_api::#of)
    };
    quote! {
        fn #function #parameters (same: #name #arguments) -> #of {
            same
        }
    }
}

/// `Result` with one parameter is `io::Result`, or for joins `thread::Result`.
fn qualified_results(row: &Row) -> String {
    if !row.path.starts_with("std::thread") {
        return row.signature.clone();
    }
    let of = if row.item == "join" { "thread" } else { "io" };
    row.signature.replace("-> Result<", &format!("-> {of}::Result<"))
}

/// Puts the type's parameters before the method's own.
fn adopt(sig: &mut Signature, mut generics: Generics, row: &Row) {
    let sized = sig.receiver().is_none();
    for parameter in &mut generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.default = None;
            parameter.eq_token = None;
            if sized {
                parameter.bounds =
                    parameter.bounds.iter().filter(|bound| !is_maybe(bound)).cloned().collect();
            }
        }
    }
    for (of, method, bound) in AT_THE_IMPL {
        if *of == row.type_name() && *method == row.item {
            let bound: syn::WherePredicate = parse_str(bound).expect("written above");
            sig.generics.make_where_clause().predicates.push(bound);
        }
    }
    let own = std::mem::take(&mut sig.generics.params);
    sig.generics.params = generics.params.into_iter().chain(own).collect();
    // Lifetimes stand first.
    let (lifetimes, others): (Vec<_>, Vec<_>) = std::mem::take(&mut sig.generics.params)
        .into_iter()
        .partition(|parameter| matches!(parameter, GenericParam::Lifetime(_)));
    sig.generics.params = lifetimes.into_iter().chain(others).collect();
}

fn is_maybe(bound: &TypeParamBound) -> bool {
    matches!(bound, TypeParamBound::Trait(bound) if matches!(bound.modifier, syn::TraitBoundModifier::Maybe(_)))
}

/// Writes the type itself where the signature says `self` or `Self`.
fn replace_self(sig: &mut Signature, of: &Type) {
    struct ReplaceSelf<'a>(&'a Type);
    impl VisitMut for ReplaceSelf<'_> {
        fn visit_type_mut(&mut self, at: &mut Type) {
            if *at == parse_quote!(Self) {
                *at = self.0.clone();
            }
            visit_mut::visit_type_mut(self, at);
        }
    }
    if let Some(receiver) = sig.receiver().cloned() {
        let by_reference = receiver.reference.map(|(_, lifetime)| {
            let lifetime = lifetime.unwrap_or_else(|| borrowed_from_this(sig));
            let mutable = receiver.mutability;
            quote!(& #lifetime #mutable)
        });
        sig.inputs[0] = parse_quote!(this: #by_reference #of);
    }
    ReplaceSelf(of).visit_signature_mut(sig);
}

/// Writes out what a method leaves out: what it gives back is borrowed from `self`. A function with several
/// references would be refused.
fn borrowed_from_this(sig: &mut Signature) -> Lifetime {
    struct WriteOut<'a>(&'a Lifetime);
    impl VisitMut for WriteOut<'_> {
        fn visit_type_reference_mut(&mut self, at: &mut syn::TypeReference) {
            at.lifetime.get_or_insert_with(|| self.0.clone());
            visit_mut::visit_type_reference_mut(self, at);
        }

        fn visit_lifetime_mut(&mut self, at: &mut Lifetime) {
            if at.ident == "_" {
                *at = self.0.clone();
            }
        }
    }
    let this: Lifetime = parse_quote!('this);
    WriteOut(&this).visit_return_type_mut(&mut sig.output);
    sig.generics.params.insert(0, parse_quote!(#this));
    this
}

fn argument(input: &FnArg) -> Ident {
    match input {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(name) => name.ident.clone(),
            other => panic!("an argument without a name: {}", other.to_token_stream()),
        },
        FnArg::Receiver(_) => format_ident!("this"),
    }
}

/// Functions that compile only if the row's trait is implemented as it says.
fn implemented(row: &Row) -> TokenStream {
    let text = format!("{} {{}}", row.signature.trim_end().trim_end_matches(','));
    let text = text.replace(" = fn() -> T", "").replace(" = false", "");
    let item: ItemImpl = parse_str(&text).unwrap_or_else(|error| panic!("{row}: {error}"));
    let (negative, mut tr, _) = item.trait_.clone().unwrap_or_else(|| panic!("{row}: no trait"));
    if let Some(first) = tr.segments.first().map(|segment| segment.ident.to_string())
        && (first.starts_with("Raw") || first == "GetThreadId")
    {
        // parking_lot's raw locks are called like the traits of lock_api that they implement.
        tr = parse_quote!(pl::lock_api::#tr);
    }
    let of = &item.self_ty;
    if negative.is_some() {
        let of = with_concrete(&item.generics, of, None);
        return quote!(lacks!(#of, #tr););
    }
    if row.item == "Drop" {
        let of = with_concrete(&item.generics, of, None);
        return quote!(
            const _: () = assert!(std::mem::needs_drop::<#of>());
        );
    }
    let name = format_ident!(
        "has_{}_{}_{}",
        row.type_name().to_lowercase(),
        row.item.to_lowercase(),
        row.line.to_string()
    );
    let converses = converses(&item, &tr);
    let generics = type_parameters(&item.generics);
    // The trait itself asks this of those who name it.
    let and =
        (row.item == "RawCondvarTimed").then(|| quote!(+ pl::lock_api::RawCondvar<RawMutex = RawMutex>));
    let mut of = (**of).clone();
    Anonymous.visit_type_mut(&mut of);
    let (parameters, bounds) = (&generics.params, &generics.where_clause);
    let passed = parameters.iter().filter_map(|parameter| match parameter {
        GenericParam::Type(parameter) => Some(&parameter.ident),
        GenericParam::Const(parameter) => Some(&parameter.ident),
        GenericParam::Lifetime(_) => None,
    });
    quote! {
        fn #name<#parameters>() #bounds {
            fn has<X: ?Sized + #tr #and, #parameters>() #bounds {}
            has::<#of, #(#passed),*>();
        }
        #(#converses)*
    }
}

/// Leaves all lifetimes to inference.
struct Anonymous;

impl VisitMut for Anonymous {
    fn visit_lifetime_mut(&mut self, at: &mut Lifetime) {
        *at = parse_quote!('_);
    }
}

/// The parameters but for the lifetimes, with their bounds.
fn type_parameters(generics: &Generics) -> Generics {
    let mut inner = generics.clone();
    inner.params = inner
        .params
        .into_iter()
        .filter_map(|parameter| match parameter {
            GenericParam::Type(mut parameter) => {
                let outlives = |bound: &TypeParamBound| !matches!(bound, TypeParamBound::Lifetime(_));
                parameter.bounds = parameter.bounds.iter().filter(|bound| outlives(bound)).cloned().collect();
                Some(GenericParam::Type(parameter))
            }
            GenericParam::Const(parameter) => Some(GenericParam::Const(parameter)),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    inner
}

/// For each bound of each parameter: without it, the trait is not there.
fn converses(item: &ItemImpl, tr: &syn::Path) -> Vec<TokenStream> {
    let mut found = Vec::new();
    for (parameter, bound) in bounds(&item.generics) {
        let witness = match bound.path.segments.last().map(|segment| segment.ident.to_string()) {
            Some(name)
                if ["Send", "Sync", "Unpin", "UnwindSafe", "RefUnwindSafe"].contains(&name.as_str()) =>
            {
                format_ident!("Lacks{name}")
            }
            _ => format_ident!("Bare"),
        };
        let of = with_concrete(&item.generics, &item.self_ty, Some((&parameter, &witness)));
        let mut tr = tr.clone();
        Concrete { generics: &item.generics, instead: Some((&parameter, &witness)) }.visit_path_mut(&mut tr);
        found.push(quote!(lacks!(#of, #tr);));
    }
    found
}

/// Parameters with what is asked of them, `?Sized` and lifetimes left out.
fn bounds(generics: &Generics) -> Vec<(Ident, syn::TraitBound)> {
    let mut found = Vec::new();
    let mut take = |parameter: &Ident, bound: &TypeParamBound| match bound {
        TypeParamBound::Trait(bound) if matches!(bound.modifier, syn::TraitBoundModifier::None) => {
            found.push((parameter.clone(), bound.clone()));
        }
        _ => {}
    };
    for parameter in generics.type_params() {
        parameter.bounds.iter().for_each(|bound| take(&parameter.ident, bound));
    }
    for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        if let syn::WherePredicate::Type(predicate) = predicate
            && let Ok(parameter) = syn::parse2::<Ident>(predicate.bounded_ty.to_token_stream())
        {
            predicate.bounds.iter().for_each(|bound| take(&parameter, bound));
        }
    }
    found
}

/// The type with an ordinary type for each parameter, and `witness` for one of them.
fn with_concrete(generics: &Generics, of: &Type, instead: Option<(&Ident, &Ident)>) -> Type {
    let mut of = of.clone();
    Concrete { generics, instead }.visit_type_mut(&mut of);
    of
}

struct Concrete<'a> {
    generics: &'a Generics,
    instead: Option<(&'a Ident, &'a Ident)>,
}

impl VisitMut for Concrete<'_> {
    fn visit_type_mut(&mut self, at: &mut Type) {
        let name = syn::parse2::<Ident>(at.to_token_stream()).ok();
        let is_parameter =
            |name: &Ident| self.generics.type_params().any(|parameter| parameter.ident == *name);
        match name.filter(is_parameter) {
            Some(name) => {
                let witness = self.instead.filter(|(parameter, _)| **parameter == name);
                *at = match witness {
                    Some((_, witness)) => parse_quote!(#witness),
                    None if name == "F" => parse_quote!(fn() -> String),
                    None => parse_quote!(String),
                };
            }
            None => visit_mut::visit_type_mut(self, at),
        }
    }

    fn visit_lifetime_mut(&mut self, at: &mut Lifetime) {
        *at = parse_quote!('static);
    }
}
