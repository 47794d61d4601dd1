;; Update rules on float32 vectors, four elements at a time, with the operations of sgd.ts and adam.ts in their order, so that the bits are
;; the same. Pointers are byte offsets, 16-byte aligned; vectors are padded to a multiple of four elements; $end is the parameter's end.
(module
  (import "frostline" "memory" (memory 0))

  (func (export "adam")
    (param $p i32) (param $g i32) (param $m i32) (param $v i32) (param $end i32)
    (param $shrink f32) (param $penalty f32) (param $keepMean f32) (param $shareMean f32)
    (param $keepSquare f32) (param $shareSquare f32) (param $rate f32) (param $epsilon f32)
    (local $w v128) (local $d v128) (local $mean v128) (local $square v128)
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $w (f32x4.mul (v128.load (local.get $p)) (f32x4.splat (local.get $shrink))))
          (local.set $d (f32x4.add (v128.load (local.get $g)) (f32x4.mul (f32x4.splat (local.get $penalty)) (local.get $w))))
          (local.set $mean
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $keepMean)) (v128.load (local.get $m)))
              (f32x4.mul (f32x4.splat (local.get $shareMean)) (local.get $d))))
          (local.set $square
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $keepSquare)) (v128.load (local.get $v)))
              (f32x4.mul (f32x4.splat (local.get $shareSquare)) (f32x4.mul (local.get $d) (local.get $d)))))
          (v128.store (local.get $m) (local.get $mean))
          (v128.store (local.get $v) (local.get $square))
          (v128.store (local.get $p)
            (f32x4.sub (local.get $w)
              (f32x4.mul (f32x4.splat (local.get $rate))
                (f32x4.div (local.get $mean)
                  (f32x4.add (f32x4.sqrt (local.get $square)) (f32x4.splat (local.get $epsilon)))))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $g (i32.add (local.get $g) (i32.const 16)))
          (local.set $m (i32.add (local.get $m) (i32.const 16)))
          (local.set $v (i32.add (local.get $v) (i32.const 16)))
          (br $next)))))

  (func (export "sgd")
    (param $p i32) (param $g i32) (param $end i32) (param $rate f32) (param $decay f32)
    (local $w v128)
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $w (v128.load (local.get $p)))
          (v128.store (local.get $p)
            (f32x4.sub (local.get $w)
              (f32x4.mul (f32x4.splat (local.get $rate))
                (f32x4.add (v128.load (local.get $g)) (f32x4.mul (f32x4.splat (local.get $decay)) (local.get $w))))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $g (i32.add (local.get $g) (i32.const 16)))
          (br $next)))))

  ;; With $ahead 1 the update looks one step ahead (Nesterov), with 0 it takes the momentum itself.
  (func (export "momentum")
    (param $p i32) (param $g i32) (param $m i32) (param $end i32)
    (param $rate f32) (param $decay f32) (param $momentum f32) (param $share f32) (param $ahead i32)
    (local $w v128) (local $d v128) (local $running v128)
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $w (v128.load (local.get $p)))
          (local.set $d (f32x4.add (v128.load (local.get $g)) (f32x4.mul (f32x4.splat (local.get $decay)) (local.get $w))))
          (local.set $running
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $momentum)) (v128.load (local.get $m)))
              (f32x4.mul (f32x4.splat (local.get $share)) (local.get $d))))
          (v128.store (local.get $m) (local.get $running))
          (if (local.get $ahead)
            (then (local.set $running (f32x4.add (local.get $d) (f32x4.mul (f32x4.splat (local.get $momentum)) (local.get $running))))))
          (v128.store (local.get $p) (f32x4.sub (local.get $w) (f32x4.mul (f32x4.splat (local.get $rate)) (local.get $running))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $g (i32.add (local.get $g) (i32.const 16)))
          (local.set $m (i32.add (local.get $m) (i32.const 16)))
          (br $next))))))
